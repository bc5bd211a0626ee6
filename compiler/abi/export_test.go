package abi

// Less and ReadCache are what tests need besides.
var (
	Less      = less
	ReadCache = readCache
)
