#!/usr/bin/env bash
# Conda's environment is keyed by its yaml and by this file, so the lock's digest stands here: a changed lock rebuilds.
# sha256 of envs/student.txt: b30e5d05daab68b7ee6ef1c0dafb719d5e7b1121b6a4f6e0884dca56b85ca23d
set -euo pipefail
python workflow/umui/environment.py --here envs/student.txt
