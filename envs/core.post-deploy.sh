#!/usr/bin/env bash
# Conda's environment is keyed by its yaml and by this file, so the lock's digest stands here: a changed lock rebuilds.
# sha256 of envs/core.txt: 323d7b01ac5173c6ac88b24d81d739fa259a6bf14c948e9290dabd65b228fe43
set -euo pipefail
python workflow/umui/environment.py --here envs/core.txt
