package seccomp

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Program compiles the list for this machine's processor: the struct sock_filter[] of seccomp(2) as bytes,
// which is also what bubblewrap reads. All calls of another processor's kind (32-bit programs) fail with
// EPERM, those of x32 with ENOSYS.
func Program(o Options) ([]byte, error) {
	raw, err := assemble(o)
	if err != nil {
		return nil, fmt.Errorf("compiling the filter of system calls: %w", err)
	}
	var program []byte
	for _, i := range raw {
		program = binary.NativeEndian.AppendUint16(program, i.Op)
		program = append(program, i.Jt, i.Jf)
		program = binary.NativeEndian.AppendUint32(program, i.K)
	}
	return program, nil
}

// Install restricts the calling thread, and whatever it executes, for ever. The caller locks the thread
// and has set no_new_privs.
func Install(o Options) error {
	raw, err := assemble(o)
	if err != nil {
		return fmt.Errorf("compiling the filter of system calls: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	if err != nil {
		return fmt.Errorf("filtering system calls: %w", err)
	}
	return nil
}

// errno is the action of a call that fails with e.
func errno(e unix.Errno) seccomp.Action {
	return seccomp.Action(unix.SECCOMP_RET_ERRNO | uint32(e))
}

// archOffset is where the processor's kind is in struct seccomp_data.
const archOffset = 4

func assemble(o Options) ([]bpf.RawInstruction, error) {
	here, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	known := func(names []string) (list []string) {
		for _, name := range names {
			if _, ok := here.SyscallNames[name]; ok {
				list = append(list, name)
			}
		}
		return list
	}
	conditional := seccomp.SyscallGroup{Action: errno(unix.EPERM)}
	for _, c := range calls(o) {
		if _, ok := here.SyscallNames[c.name]; ok {
			conditional.NamesWithCondtions = append(conditional.NamesWithCondtions,
				seccomp.NameWithConditions{Name: c.name, Conditions: c.when})
		}
	}
	policy := seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
		{Names: known(denied), Action: errno(unix.EPERM)},
		{Names: known(missing), Action: errno(unix.ENOSYS)},
		{Names: known(unsupported), Action: errno(unix.ENOTSUP)},
		conditional,
	}}
	list, err := policy.Assemble()
	if err != nil {
		return nil, err
	}
	// By itself the library permits every call of another processor's kind.
	return bpf.Assemble(append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(here.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(errno(unix.EPERM))},
	}, list...))
}
