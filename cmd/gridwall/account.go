package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"gridwall/dashboard/access"
)

const accountUsage = `account ACTION NAME [flags]

  gridwall account add zhang --name=张某 --role=operator     asks for the password on standard input
  gridwall account token zhang --name=import-script          prints an API token that acts as the account
  gridwall account token zhang --name=qgis --scope=map.read,case.read --days=90
  gridwall account wall main                                 prints the address token of a video wall
  gridwall account factor-off zhang                          takes the second factor away, for who lost the telephone
  gridwall account sign-out zhang                            ends all sessions of zhang
  gridwall account shut zhang                                nobody comes in as zhang any more
`

func account(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("account", accountUsage)
	var a access.Account
	flags.StringVar(&a.Name, "name", "", "the person's name; of a token: what it is for")
	flags.StringVar((*string)(&a.Role), "role", "", "role: "+fmt.Sprint(access.Roles))
	flags.StringVar(&a.Department, "department", "", "code of the department (role department)")
	flags.StringVar(&a.Grid, "grid", "", "code of the grid that the account keeps to (default the whole town)")
	flags.StringVar(&a.Officer, "officer", "", "code of the officer in the roster whose account it is: tasks go to him")
	scope := flags.String("scope", "", "of a token: rights that it has, like case.read,map.read (default all of the account)")
	days := flags.Int("days", 0, "of a token: how many days it is good for (default without an end)")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		flags.Usage()
		return exitStatus(2)
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	room := access.New(pool)
	switch action := rest[0]; action {
	case "add":
		a.Username = rest[1]
		if a.Name == "" {
			a.Name = a.Username
		}
		if a.Password, err = readPassword(); err == nil {
			err = room.SaveAccount(ctx, a)
		}
		if err == nil {
			err = record(ctx, pool, "account.change", a.Username, map[string]string{"role": string(a.Role), "grid": a.Grid, "department": a.Department, "officer": a.Officer})
		}
	case "token":
		var token string
		if a.Name == "" {
			a.Name = "token"
		}
		if token, err = room.NewScopedToken(ctx, rest[1], a.Name, end(*days), scopeOf(*scope)); err == nil {
			err = record(ctx, pool, "token.make", rest[1], map[string]string{"name": a.Name})
		}
		if err == nil {
			fmt.Println(token)
		}
	case "wall":
		var token string
		if token, err = room.NewDevice(ctx, rest[1]); err == nil {
			err = record(ctx, pool, "device.make", rest[1], nil)
		}
		if err == nil {
			fmt.Println(token)
		}
	case "factor-off":
		if err = room.DropFactor(ctx, rest[1]); err == nil {
			err = record(ctx, pool, "factor.remove", rest[1], nil)
		}
	case "sign-out":
		var n int64
		if n, err = room.SignOutAll(ctx, rest[1]); err == nil {
			fmt.Printf("%d sessions ended\n", n)
			err = record(ctx, pool, "session.out", rest[1], nil)
		}
	case "shut":
		if err = room.Shut(ctx, rest[1]); err == nil {
			err = record(ctx, pool, "account.change", rest[1], map[string]string{"change": "shut"})
		}
	default:
		err = fmt.Errorf("there is no action %q: add, token, wall, factor-off, sign-out or shut", action)
	}
	return errors.Join(err, stop())
}

// end is the moment so many days from now; zero days have none.
func end(days int) time.Time {
	if days <= 0 {
		return time.Time{}
	}
	return time.Now().AddDate(0, 0, days)
}

// rolesOf reads a list of roles.
func rolesOf(list string) (roles []access.Role, err error) {
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if !slices.Contains(access.Roles, access.Role(part)) {
			return nil, fmt.Errorf("role %q is none of %v", part, access.Roles)
		}
		roles = append(roles, access.Role(part))
	}
	return roles, nil
}

func scopeOf(list string) (scope []access.Right) {
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			scope = append(scope, access.Right(part))
		}
	}
	return scope
}

func readPassword() (string, error) {
	fmt.Fprintf(os.Stderr, "password (at least %d characters): ", access.MinPassword)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if line == "" && err != nil {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
