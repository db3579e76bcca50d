module modelward.dev/dev/kwok

go 1.23.0

require sigs.k8s.io/kwok v0.7.0
