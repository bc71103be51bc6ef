"""What `analyze` does: `batch` goes through files, `rows` prints, `findings` is findings.json."""
