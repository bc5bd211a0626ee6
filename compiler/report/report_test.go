package report_test

import (
	"fmt"

	"slugc/compiler/report"
)

func ExampleBytes() {
	for _, n := range []int64{0, 999, 1000, 999_949, 44_700_000, 1_250_000_000} {
		fmt.Println(report.Bytes(n))
	}
	// Output:
	// 0 B
	// 999 B
	// 1.0 kB
	// 999.9 kB
	// 44.7 MB
	// 1.2 GB
}
