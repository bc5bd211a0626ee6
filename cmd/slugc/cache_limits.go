package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"slugc/cache"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/compiler/upkeep"
)

// defaultAge is how long what does not serve is kept.
const defaultAge = 30 * 24 * time.Hour

// cacheLimits are the budgets of the state directory dir: the flags, else the environment, else a share of the
// disk and 30 days.
func (c *cli) cacheLimits(dir, size, age string) (upkeep.Limits, error) {
	limits := upkeep.Limits{Age: defaultAge}
	var err error
	if s := firstOf(size, c.env.vars["SLUGC_CACHE_SIZE"]); s != "" {
		limits.Size, err = parseSize(s)
	} else {
		limits.Size, err = upkeep.DefaultSize(dir)
	}
	if s := firstOf(age, c.env.vars["SLUGC_CACHE_AGE"]); s != "" && err == nil {
		limits.Age, err = parseAge(s)
	}
	return limits, err
}

// parseAge reads "30d" or a duration such as "720h"; 0 is no limit.
func parseAge(s string) (time.Duration, error) {
	age, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 16)
		age = time.Duration(n) * 24 * time.Hour
	} else if s == "0" {
		return 0, nil
	}
	if err != nil || age < 0 {
		return 0, fault.UsageError("usage/flag", fmt.Errorf("reading the age %q: it is not a duration", s),
			"write 30d or 720h; 0 is no limit")
	}
	return age, nil
}

// keeper keeps the state directory within the limits.
func (c *cli) keeper(home *cache.Home, limits upkeep.Limits) *upkeep.Keeper {
	return &upkeep.Keeper{
		Home: home, Limits: limits, Report: c.ui,
		Releases: func(ctx context.Context, app string) ([][]release.Release, error) {
			return c.allReleases(ctx, home, app)
		},
	}
}

// allReleases lists an app's releases of the coordinator that is set, and of the state directory's own, which a
// command with other settings may have used.
func (c *cli) allReleases(ctx context.Context, home *cache.Home, app string) (lists [][]release.Release, err error) {
	r, done, err := c.releases(home, release.Options{})
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := r.List(ctx, app)
	if err != nil {
		return nil, err
	}
	lists = append(lists, list)
	address, err := c.coordinatorAddress()
	if err != nil {
		return nil, err
	}
	own := home.Path("coordinator.db")
	asked := address.cluster == nil && (address.file == "" || address.file == own)
	if _, missing := os.Stat(own); missing != nil || asked {
		return lists, nil
	}
	coord, err := local.Open(own, local.Options{})
	if err != nil {
		return nil, err
	}
	defer coord.Close()
	if list, err = release.New(coord, release.Options{}).List(ctx, app); err != nil {
		return nil, err
	}
	return append(lists, list), nil
}
