//go:build tools

// Package helm3 names the program that is built with the versions of this module. They are those of
// cluster/node, so that Go compiles Kubernetes' client once for both.
package helm3

import _ "helm.sh/helm/v3/cmd/helm"
