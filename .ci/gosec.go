// Command gosec holds what gosec found (JSON on standard input) against the reviewed list .ci/gosec.tsv: a finding that is not
// argued there fails, and so does an argument for what is no longer found.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

type place struct{ rule, file string }

func main() {
	var found struct {
		Issues []struct {
			Rule string `json:"rule_id"`
			File string `json:"file"`
			Line string `json:"line"`
			What string `json:"details"`
		}
	}
	if err := json.NewDecoder(os.Stdin).Decode(&found); err != nil {
		fail("read gosec's findings: %v", err)
	}
	here, err := os.Getwd()
	if err != nil {
		fail("%v", err)
	}
	argued := read()
	count, lines := map[place]int{}, map[place][]string{}
	for _, i := range found.Issues {
		file, err := filepath.Rel(here, i.File)
		if err != nil {
			fail("%v", err)
		}
		p := place{i.Rule, filepath.ToSlash(file)}
		count[p]++
		lines[p] = append(lines[p], i.Line+": "+i.What)
	}
	bad := 0
	for p, n := range count {
		if n > argued[p] {
			bad++
			fmt.Printf("%s %s: %d found, %d argued\n    %s\n", p.rule, p.file, n, argued[p], strings.Join(lines[p], "\n    "))
		}
	}
	for p, n := range argued {
		if n > count[p] {
			bad++
			fmt.Printf("%s %s: %d argued, %d found: mend the list\n", p.rule, p.file, n, count[p])
		}
	}
	if bad > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d findings, each argued\n", len(found.Issues))
}

// read reads the list: rule, file, how often, reason.
func read() map[place]int {
	const name = ".ci/gosec.tsv"
	f, err := os.Open(name)
	if err != nil {
		fail("%v", err)
	}
	defer f.Close()
	argued := map[place]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		field := strings.Split(s.Text(), "\t")
		if len(field) != 4 || len(field[3]) < 10 {
			fail("%s: %q is not rule, file, number and reason", name, s.Text())
		}
		n, err := strconv.Atoi(field[2])
		if err != nil {
			fail("%s: %q: %v", name, s.Text(), err)
		}
		argued[place{field[0], field[1]}] = n
	}
	return argued
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
