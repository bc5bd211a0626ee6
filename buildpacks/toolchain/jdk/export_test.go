package jdk

// Normalize and KeyStore are tested by themselves.
var (
	Normalize = normalize
	KeyStore  = keyStore
)
