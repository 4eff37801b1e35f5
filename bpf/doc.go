// Package bpf is the kernel side: C programs that count packets at the hooks of
// interfaces, their compiled object and its Go types. It knows how to load them
// for the kernel at hand; it does not attach them, and concludes nothing.
package bpf

//go:generate go tool -modfile=../tools/go.mod bpf2go -target bpfel -cc clang-19 -strip llvm-strip-19 -go-package bpf -output-stem flow -type limits -type slot_flags -type flow_claim -type flow_nat -type hook flow flow.bpf.c -- -O2 -mcpu=v2 -Wall -Werror -I/usr/include/x86_64-linux-gnu
