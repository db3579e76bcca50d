module modelward.dev/dev/pause

go 1.22.0
