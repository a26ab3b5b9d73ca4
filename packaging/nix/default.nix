# SPDX-License-Identifier: Apache-2.0
#
# nix-build packaging/nix            the programs
# nix-build packaging/nix -A guests.s390x --arg vendor ./kiln-0.1.0-vendor.tar.xz
#                                    a guest, of the archive by `make vendor`
#
# What is installed is in packaging/files.list. The programs look for guests
# below their own prefix; here each guest has one of its own, and KILN_GUESTS
# names it: `withGuests` makes a kiln that has it set.
{ pkgs ? import <nixpkgs> { }
, src ? ../..
, vendor ? null
, linux ? pkgs.linuxKernel.kernels.linux_6_12.src
}:
let
  inherit (pkgs) lib;
  version = lib.fileContents ../../VERSION;
  licence = lib.licenses;

  # How the architecture's cross compiler begins its names.
  compilers = {
    x86_64 = pkgs.pkgsCross.gnu64;
    aarch64 = pkgs.pkgsCross.aarch64-multiplatform;
    s390x = pkgs.pkgsCross.s390x;
    ppc64le = pkgs.pkgsCross.powernv;
  };
  compiler = arch: compilers.${arch}.stdenv.cc;

  common = {
    inherit version src;
    postPatch = "patchShebangs packaging osbuilder mk";
    nativeBuildInputs = [ pkgs.protobufc pkgs.pkg-config pkgs.scdoc pkgs.zstd ];
    buildInputs = [ pkgs.e2fsprogs pkgs.json_c pkgs.libnl pkgs.lz4 pkgs.openssl pkgs.protobufc pkgs.zstd ];
    makeFlags = [
      "DEPS=skip"
      "PREFIX=$(out)"
      "SYSCONFDIR=/etc"
      "NL_CFLAGS=-isystem${lib.getDev pkgs.libnl}/include/libnl3"
      "SHELL=${pkgs.bash}/bin/bash"
    ];
    enableParallelBuilding = true;
  };

  kiln = pkgs.stdenv.mkDerivation (common // {
    pname = "kiln";
    buildFlags = [ "runtime" "man" ];
    installFlags = [ "COMPONENTS=host" ];
    meta = {
      description = "OCI runtime with a virtual machine for each container";
      license = licence.asl20;
      platforms = lib.platforms.linux;
    };
  });

  guest = arch: pkgs.stdenv.mkDerivation (common // {
    pname = "kiln-guest-${arch}";
    nativeBuildInputs = common.nativeBuildInputs ++ [
      pkgs.bc
      pkgs.bison
      pkgs.flex
      pkgs.perl
      (compiler arch)
    ];
    buildInputs = common.buildInputs ++ [ pkgs.elfutils ];
    makeFlags = common.makeFlags ++ [
      "ARCH=${arch}"
      "KILN_CACHE=/build/cache"
      "KERNEL_TARBALL=${linux}"
      "CROSS_COMPILE_${arch}=${(compiler arch).targetPrefix}"
    ];
    preBuild = ''
      mkdir -p /build/cache
      tar -C /build/cache --strip-components=1 -xf ${
        if vendor == null then throw "set vendor: make vendor ARCH=${arch}" else vendor
      }
    '';
    buildFlags = [ "image" ];
    installFlags = [ "COMPONENTS=guest" ];
    # An image is described by the sums of its files.
    dontStrip = true;
    dontPatchELF = true;
    meta.license = [ licence.asl20 licence.gpl2Only licence.mit licence.bsd2 licence.lgpl21Only ];
  });

  guests = lib.mapAttrs (arch: _: guest arch) compilers;

  withGuests = arches: pkgs.symlinkJoin {
    name = "kiln-with-guests-${version}";
    paths = [ kiln ] ++ map (arch: guests.${arch}) arches;
    nativeBuildInputs = [ pkgs.makeWrapper ];
    postBuild = ''
      wrapProgram $out/bin/kiln --set-default KILN_GUESTS $out/lib/kiln/guests
    '';
  };
in
kiln // { inherit guests withGuests; }
