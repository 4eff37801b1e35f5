// Package yardstick has the programs that benchmarks of the kernel side compare
// with: an empty one, the least flow counter that there could be, and one that
// makes every run another flow. It knows nothing of what is measured, and nothing
// of it is in the product.
package yardstick

//go:generate go tool -modfile=../../tools/go.mod bpf2go -target bpfel -cc clang-19 -strip llvm-strip-19 -go-package yardstick -output-stem yardstick yardstick yardstick.bpf.c -- -O2 -mcpu=v2 -Wall -Werror -I/usr/include/x86_64-linux-gnu
