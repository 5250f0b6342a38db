package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/compiler/load"
)

// This file opens what check --rendered is about: a file, or a folder whose
// kustomization uses folders beside it.

func renderedFlags() []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "rendered", Usage: "prove what is really synced: the output of a kustomization in `FILE`, a DIR of such files, or a DIR with a kustomization.yaml, which is built"}}
}

// rendered returns the tree that --rendered names, nil without the flag. Files are
// read below the repository that holds it, or without one below the nearest folder
// that holds both it and the project.
func (p *project) rendered(c *cli.Context) (*load.Tree, error) {
	name := c.String("rendered")
	if !c.IsSet("rendered") {
		return nil, nil
	}
	if name == "" {
		return nil, misused("give a file, or a folder with a kustomization.yaml", "--rendered names nothing")
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, misused("render it first: kustomize build DIR > FILE", "--rendered %s does not exist", name)
	}
	if err != nil {
		return nil, err
	}
	abs = resolved(abs)
	folder := abs
	if !info.IsDir() {
		folder = filepath.Dir(abs)
	}
	dir, top := resolved(p.dir), folder
	if info.IsDir() {
		top = around(dir, folder)
	}
	root, err := p.open(top)
	if err != nil {
		return nil, err
	}
	inside, _ := within(top, abs)
	shown, err := filepath.Rel(dir, top)
	if err != nil {
		return nil, err
	}
	return &load.Tree{FS: root.FS(), Name: filepath.ToSlash(shown), Path: inside}, nil
}

// around is the folder that a kustomization may use files of.
func around(dir, folder string) string {
	if top := repositoryRoot(folder); top != "" {
		return top
	}
	for top := dir; filepath.Dir(top) != top; top = filepath.Dir(top) {
		if _, ok := within(top, folder); ok {
			return top
		}
	}
	return folder
}
