#!/usr/bin/env bash
# Conda's environment is keyed by its yaml and by this file, so the lock's digest stands here: a changed lock rebuilds.
# sha256 of envs/teacher.txt: b09947afa3ba04d3f71b31e0785ea4a6db8590ea9eb0e355cb4623ed19624302
set -euo pipefail
python workflow/umui/environments/build.py --here envs/teacher.txt
