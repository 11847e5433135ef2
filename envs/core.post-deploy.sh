#!/usr/bin/env bash
# Conda's environment is keyed by its yaml and by this file, so the lock's digest stands here: a changed lock rebuilds.
# sha256 of envs/core.txt: d132ca8549daa92966d03f67a2f8cdc0f05ff7f66abbb2a908117ef8e2f6f97a
set -euo pipefail
python workflow/umui/environments/build.py --here envs/core.txt
