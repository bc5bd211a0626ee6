package beneath

// NoOpenat2 makes the package do without openat2.
var NoOpenat2 = &noOpenat2
