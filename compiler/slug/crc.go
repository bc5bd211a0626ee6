package slug

import "hash/crc32"

// combineCRC returns the CRC-32 (IEEE) of two runs of bytes laid end to end, from the CRC of each
// and the length of the second. Like zlib's crc32_combine, it multiplies the first by x^(8·length)
// modulo the polynomial.
func combineCRC(first, second uint32, length int64) uint32 {
	if length <= 0 {
		return first
	}
	return multiply(powerOfX(uint64(length)*8), first) ^ second
}

// multiply returns a·b modulo the CRC polynomial; bit 31 stands for x^0, as in the reflected CRC
// itself.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		b = timesX(b)
	}
	return product
}

// timesX returns b·x modulo the CRC polynomial.
func timesX(b uint32) uint32 {
	if b&1 != 0 {
		return b>>1 ^ crc32.IEEE
	}
	return b >> 1
}

// powerOfX returns x^n modulo the CRC polynomial, by repeated squaring.
func powerOfX(n uint64) uint32 {
	result, square := uint32(1)<<31, uint32(1)<<30
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			result = multiply(square, result)
		}
		square = multiply(square, square)
	}
	return result
}
