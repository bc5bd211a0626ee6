// Package shell quotes words for a POSIX shell.
//
//	shell.Quote("it's")              // 'it'\''s'
//	shell.Word("bin/web")            // bin/web
//	shell.Command("ls", "my file")   // ls 'my file'
package shell

import "strings"

// Quote puts a word in single quotes, whatever it holds.
func Quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// Word quotes a word only where a shell would read it otherwise. "=" counts as such: at the front
// of a command it would be an assignment.
func Word(word string) string {
	if word == "" || strings.ContainsFunc(word, special) {
		return Quote(word)
	}
	return word
}

// Argument quotes a word only where a shell would read it otherwise after the first word of a
// command. There "=" is an ordinary character.
func Argument(word string) string {
	if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r != '=' && special(r) }) {
		return Quote(word)
	}
	return word
}

// Command is the shell command that runs exactly these arguments, the program first.
func Command(args ...string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = Word(arg)
	}
	return strings.Join(words, " ")
}

// special reports whether a character means something to a shell at any place in a word.
func special(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("_@%+:,./-", r)
}
