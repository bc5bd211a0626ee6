package slug

import "fmt"

// summary describes how a section's segments came into the slug, for [PackedSection]. known reports
// whether a former pack had a section of that name.
func summary(all []*built, known bool) (reused, why string) {
	made, repaired, worst := 0, 0, 0 // worst is the most expensive way
	for _, b := range all {
		switch worst = max(worst, b.how); {
		case b.repaired:
			repaired++
		case b.how == byWork:
			made++
		}
	}
	switch {
	case made == 0 && repaired > 0:
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
	if repaired > 0 {
		why += fmt.Sprintf(", %d of %d segments damaged in the store and compressed again", repaired, len(all))
	}
	switch made + repaired {
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
