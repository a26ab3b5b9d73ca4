#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# A name server by UDP: every name is 10.9.8.7. By TCP it says back what it is
# told. With ASK, an address, says first what the one there answers; says
# "serving" in any case.
#
# usage: nameserver.py ADDRESS [ASK]
import socket
import struct
import sys
import threading


def answer(question):
    end = question.index(b"\0", 12) + 5
    kind = struct.unpack("!H", question[end - 4:end - 2])[0]
    found = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 9, 4) + bytes([10, 9, 8, 7])
    count = 1 if kind == 1 else 0
    return (question[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0) +
            question[12:end] + found * count)


def serve_tcp(listener):
    while True:
        conn = listener.accept()[0]
        conn.sendall(conn.recv(100))
        conn.close()


def ask(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        for _ in range(20):
            s.sendto(b"id" + struct.pack("!HHHHH", 0x100, 1, 0, 0, 0) +
                     b"\1a\0" + struct.pack("!HH", 1, 1), (address, 53))
            try:
                return socket.inet_ntoa(s.recv(512)[-4:])
            except socket.timeout:
                pass
    return "nothing"


def main():
    if len(sys.argv) > 2:
        print(ask(sys.argv[2]), flush=True)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((sys.argv[1], 53))
    tcp = socket.socket()
    tcp.bind((sys.argv[1], 53))
    tcp.listen()
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
    print("serving", flush=True)
    while True:
        question, who = udp.recvfrom(512)
        udp.sendto(answer(question), who)


main()
