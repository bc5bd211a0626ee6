package node

func (b *work) bill() error { return nil }
