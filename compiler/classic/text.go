package classic

// maxName is the most bytes of a buildpack's word in a message.
const maxName = 80

// capture keeps output up to a limit, and notes whether there was more.
type capture struct {
	limit int
	data  []byte
	more  bool
}

func (c *capture) Write(p []byte) (int, error) {
	room := min(len(p), c.limit-len(c.data))
	c.data = append(c.data, p[:room]...)
	c.more = c.more || room < len(p)
	return len(p), nil
}
