package main

import (
	"runtime/debug"
	"testing"
)

func TestTheVersionIsTheLinkersWordAndElseTheCompilers(t *testing.T) {
	info := func(settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}, Settings: append(settings, debug.BuildSetting{Key: "GOOS", Value: "linux"}, debug.BuildSetting{Key: "GOARCH", Value: "arm64"})}
	}
	found := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	for _, tc := range []struct{ name, got, want string }{
		{"a package", versionLine(info(), "0.812", "59158d1"), "gridwall 0.812, revision 59158d1, go1.26.8, linux/arm64"},
		{"go build in a clone", versionLine(info(found...), "", ""), "gridwall (devel), revision abc, changed since, go1.26.8, linux/arm64"},
		{"go build of an archive", versionLine(info(), "", ""), "gridwall (devel), revision unknown, go1.26.8, linux/arm64"},
		{"the linker's word before the compiler's", versionLine(info(found...), "0.812", "59158d1"), "gridwall 0.812, revision 59158d1, go1.26.8, linux/arm64"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}
