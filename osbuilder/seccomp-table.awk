# SPDX-License-Identifier: Apache-2.0
#
# Writes libseccomp's syscall table as C from its src/syscalls.csv, whose lines
# come sorted by name in the C locale. The release builds it with gperf from the
# table of its day; Debian's patches renew the .csv only, and a binary search
# spares the host a tool.
BEGIN {
	FS = ","
	print "#include <stddef.h>"
	print "#include <string.h>"
	print "#include <seccomp.h>"
	print "#include \"syscalls.h\""
	print "static const char *const names[] = {"
}

/^#/ || NF < 2 { next }

{
	printf "\t\"%s\",\n", $1
	row = "\t{0, " n + 0
	for (i = 2; i <= NF; i++)
		row = row ", " ($i == "PNR" ? "__PNR_" $1 : $i)
	rows[n++] = row "},"
}

END {
	print "};"
	print "static const struct arch_syscall_table table[] = {"
	for (i = 0; i < n; i++)
		print rows[i]
	print "};"
	print "#define N (sizeof(names) / sizeof(names[0]))"
	print "static int number(size_t i, int offset)"
	print "{"
	print "\tconst char *p = (const char *)&table[i];"
	print "\treturn *(const int *)(const void *)(p + offset);"
	print "}"
	print "int syscall_resolve_name(const char *name, int offset)"
	print "{"
	print "\tsize_t lo = 0, hi = N;"
	print "\twhile (lo < hi) {"
	print "\t\tsize_t mid = lo + (hi - lo) / 2;"
	print "\t\tint c = strcmp(name, names[mid]);"
	print "\t\tif (c == 0)"
	print "\t\t\treturn number(mid, offset);"
	print "\t\tif (c < 0)"
	print "\t\t\thi = mid;"
	print "\t\telse"
	print "\t\t\tlo = mid + 1;"
	print "\t}"
	print "\treturn __NR_SCMP_ERROR;"
	print "}"
	print "const char *syscall_resolve_num(int num, int offset)"
	print "{"
	print "\tfor (size_t i = 0; i < N; i++)"
	print "\t\tif (number(i, offset) == num)"
	print "\t\t\treturn names[i];"
	print "\treturn NULL;"
	print "}"
	print "const struct arch_syscall_def *syscall_iterate(unsigned int spot,"
	print "\t\t\t\t\t       int offset)"
	print "{"
	print "\tstatic struct arch_syscall_def def;"
	print "\tdef.name = spot < N ? names[spot] : NULL;"
	print "\tdef.num = spot < N ? number(spot, offset) : __NR_SCMP_ERROR;"
	print "\treturn &def;"
	print "}"
}
