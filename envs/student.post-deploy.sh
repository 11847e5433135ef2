#!/usr/bin/env bash
# Conda's environment is keyed by its yaml and by this file, so the lock's digest stands here: a changed lock rebuilds.
# sha256 of envs/student.txt: 9b809d5fad04fccfc27ccf0eabde410ac0e077cdd677c6fdb775d0fc4d2209fa
set -euo pipefail
python workflow/umui/environment.py --here envs/student.txt
