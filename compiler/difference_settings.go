package compiler

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/inventory"
)

// This file compares what bears on a check and is neither an intent nor a policy of
// ours: policies of APIs that are not read, kubeteus.yaml and the guardrails. On a pull request they are the base's until it
// is merged, and what it makes of them is in force from then on.

// settingsChanges says, a sentence each, which settings and guardrails differ.
func settingsChanges(head, base Options) ([]string, error) {
	if base.Project == nil {
		return nil, nil
	}
	was, _, err := readConfig(base.Project)
	if err != nil {
		return nil, fmt.Errorf("reading the base's settings: %w", err)
	}
	is, _, err := readConfig(head.Project)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, setting := range []struct {
		name    string
		was, is any
	}{
		{"manifests", was.Manifests, is.Manifests}, {"guardrails", was.Guardrails, is.Guardrails}, {"model", was.Model, is.Model}, {"clusters", was.Clusters, is.Clusters},
	} {
		if !reflect.DeepEqual(setting.was, setting.is) {
			out = append(out, ConfigName+": "+setting.name+" differs")
		}
	}
	before, err := guardrailFiles(base.Project, was)
	if err != nil {
		return nil, fmt.Errorf("reading the base's guardrails: %w", err)
	}
	after, err := guardrailFiles(head.Project, is)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		x, was := before[name]
		y, is := after[name]
		switch {
		case !was:
			out = append(out, "a guardrail was added: "+name)
		case !is:
			out = append(out, "a guardrail was removed: "+name)
		case !bytes.Equal(x, y):
			out = append(out, "a guardrail was changed: "+name)
		}
	}
	return out, nil
}

// guardrailFiles are the rules of a project's guardrails, by path.
func guardrailFiles(project fs.FS, c config) (map[string][]byte, error) {
	folders := c.Guardrails
	if len(folders) == 0 {
		folders = []string{guardrailsName}
	}
	out := map[string][]byte{}
	for _, folder := range folders {
		if !fs.ValidPath(path.Clean(folder)) {
			continue
		}
		err := fs.WalkDir(project, path.Clean(folder), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".rego") {
				return err
			}
			data, err := readLimited(project, p)
			if errors.Is(err, errTooBig) || errors.Is(err, errNotRegular) {
				data, err = []byte(err.Error()), nil // the guard pass says what is wrong with it
			}
			out[p] = data
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return out, nil
}

// foreignChanges says which policies of APIs that are not read came, went or say
// something else: who reaches whom may differ by more than is known.
func foreignChanges(before, after *inventory.Inventory) []string {
	was, is := map[string]inventory.Foreign{}, map[string]inventory.Foreign{}
	for _, f := range before.Foreign {
		was[f.Key()] = f
	}
	for _, f := range after.Foreign {
		is[f.Key()] = f
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	var out []string
	for _, key := range slices.Sorted(maps.Keys(names)) {
		x, had := was[key]
		y, has := is[key]
		how := ""
		switch {
		case !had:
			how = "was added"
		case !has:
			how = "was removed"
		case x.Sum != y.Sum:
			how = "was changed"
		default:
			continue
		}
		out = append(out, fmt.Sprintf("a policy that is not read %s: %s", how, names[key]))
	}
	return out
}
