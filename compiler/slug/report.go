package slug

import (
	"fmt"
	"sync"
)

// summary says in a few words how a section's segments came into the slug; known tells whether a
// former pack had a section of that name.
func summary(all []*built, known bool) (reused, why string) {
	made, healed, worst := 0, 0, 0
	for _, b := range all {
		switch worst = max(worst, b.how); {
		case b.healed:
			healed++
		case b.how == anew:
			made++
		}
	}
	switch {
	case made == 0 && healed > 0:
		why = "files unchanged"
	case made == 0 && worst > 0:
		why = []string{byKey: "key unchanged", byFiles: "files unchanged", byContent: "content unchanged"}[worst]
	case made == 0 && known:
		why = "files unchanged"
	case made == len(all) && !known:
		why = "new"
	default:
		why = fmt.Sprintf("%d of %d segments changed", made, len(all))
	}
	if healed > 0 {
		why += fmt.Sprintf(", %d of %d segments damaged in the store and compressed again", healed, len(all))
	}
	switch made + healed {
	case 0:
		reused = "all"
	case len(all):
		reused = "none"
	default:
		reused = "part"
	}
	if why == "new" {
		reused = "none"
	}
	return reused, why
}

// progress adds up and tells.
type progress struct {
	mu          sync.Mutex
	tell        func(done, total int64)
	done, total int64
}

func (p *progress) add(done, total int64) {
	if p.tell == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = p.done+done, max(p.total+total, p.done+done)
	p.tell(p.done, p.total)
}
