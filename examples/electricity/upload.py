"""Copy a folder into a bucket, making the bucket if it is not there: upload.py FOLDER s3://BUCKET/PREFIX.

Credentials and endpoint come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL.
"""

import sys
from pathlib import Path

import fsspec


def main(folder: str, destination: str) -> None:
    """Upload everything below `folder`."""
    files, path = fsspec.url_to_fs(destination)
    bucket = path.split("/")[0]
    if not files.exists(bucket):
        files.mkdir(bucket)
    root = Path(folder)
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root)
        # A mounted ConfigMap has its files a second time, below ..data.
        if file.is_file() and not name.parts[0].startswith(".."):
            files.put_file(str(file), f"{path}/{name}")
    for name in files.find(path):
        print(f"{name}: {files.size(name):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
