module modelward.dev/dev/rclone

go 1.23.0

require github.com/rclone/rclone v1.75.1
