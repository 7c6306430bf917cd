// Package assets carries what the binary needs beside itself: the built browser pages and the data of
// the demo, the catalogue and the scenarios.
//
// It knows nothing of the rest of the house: it hands out file systems, and whoever serves or reads them
// decides how. A clone without a front-end build compiles, because dist/.gitkeep is committed; Dist then
// holds nothing but that file.
package assets

import (
	"embed"
	"io/fs"
)

// The `all:` prefix keeps names that start with an underscore: Vite writes `_plugin-vue….js`.
//
//go:embed all:dist all:demo all:catalogue all:scenarios
var files embed.FS

// Dist is the built browser project: index.html (desk), wall.html, login.html and the hashed files below
// static/, with .gz and .br neighbours where they are smaller.
func Dist() fs.FS { return sub("dist") }

// Demo is what the demo world is made of: the clips that its cameras loop.
func Demo() fs.FS { return sub("demo") }

// Catalogue is the list of parts and matters and their conditions.
func Catalogue() fs.FS { return sub("catalogue") }

// Scenarios are the stories that `gridwall scenario run` replays.
func Scenarios() fs.FS { return sub("scenarios") }

func sub(dir string) fs.FS {
	tree, err := fs.Sub(files, dir)
	if err != nil { // only an invalid path fails, and these are constants
		panic("assets: " + err.Error())
	}
	return tree
}
