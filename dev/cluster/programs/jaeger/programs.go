//go:build programs

// Package programs pins the commands that are built from this module (see ../../programs.py).
package programs

import (
	_ "github.com/jaegertracing/jaeger/cmd/all-in-one"
)
