"""Copy a folder into a bucket, making the bucket if it is not there: upload.py FOLDER s3://BUCKET/PREFIX.

Credentials and endpoint come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL.
"""

import sys

import fsspec


def main(folder: str, destination: str) -> None:
    """Upload everything below `folder`."""
    files, path = fsspec.url_to_fs(destination)
    bucket = path.split("/")[0]
    if not files.exists(bucket):
        files.mkdir(bucket)
    files.put(f"{folder}/", path, recursive=True)
    for name in files.find(path):
        print(f"{name}: {files.size(name):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
