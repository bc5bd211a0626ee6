package shell_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"slugc/buildpacks/shell"
)

// TestWords holds that a real shell reads every quoted word as it was.
func TestWords(t *testing.T) {
	words := []string{
		"", "web", "a b", "it's", `"`, `\`, "$HOME", "`id`", "*", "~", "a=b", "-n", "#", "!", "a\nb", "ä", "{a,b}",
		";", "&", "<",
	}
	out, err := exec.Command("sh", "-c", shell.Command(append([]string{"printf", "%s."}, words...)...)).Output()
	if want := strings.Join(words, ".") + "."; err != nil || string(out) != want {
		t.Errorf("the shell reads %q, want %q (%v)", out, want, err)
	}
	for _, word := range words {
		for _, quoted := range []string{shell.Quote(word), shell.Word(word), shell.Argument(word)} {
			out, err := exec.Command("sh", "-c", "printf '%s.' "+quoted).Output()
			if err != nil || string(out) != word+"." {
				t.Errorf("%q as %s: the shell reads %q (%v)", word, quoted, out, err)
			}
		}
	}
	if plain := "/app/bin/web-1_x@2%+:,."; shell.Word(plain) != plain {
		t.Errorf("%s is quoted without need: %s", plain, shell.Word(plain))
	}
	if option := "-Dx=y"; shell.Argument(option) != option {
		t.Errorf("%s is quoted without need: %s", option, shell.Argument(option))
	}
	if assignment := shell.Command("PORT=1", "x"); !strings.HasPrefix(assignment, "'") {
		t.Errorf("a program's name became an assignment: %s", assignment)
	}
}

func ExampleCommand() {
	fmt.Println(shell.Command("ruby", "-e", "puts 'hi'"))
	// Output: ruby -e 'puts '\''hi'\'''
}
