"""Build the environment of each heavy stage family from its lock file.

Reads:     envs/{environment}.txt
Writes:    .envs/{environment}-{digest}/ready, and the environment around it, in the repository
Wildcards: digest: of the lock and of the builder, so that a changed lock makes another environment
"""


rule build_environment:
    input:
        lock=ancient(f"{REPOSITORY}envs/{{environment}}.txt"),  # its digest, not its date, is what makes another environment
    output:
        ready=touch(f"{ENVS}/{{environment}}-{{digest}}/ready"),
    log:
        "results/logs/build_environment/{environment}-{digest}.log",
    wildcard_constraints:
        environment="[^/]+",
        digest="[0-9a-f]{12}",
    localrule: True
    conda:
        "../../envs/core.yaml"
    shell:
        # Where it is made in place the line stays as it was: another would build all finished environments anew.
        (
            "python -m umui.environments.build {input.lock} > {log} 2>&1"
            if IN_PLACE
            else f"python -m umui.environments.build {{input.lock:q}} --root {shlex.quote(ENVS)} > {{log}} 2>&1"
        )


rule environments:
    input:
        READY["student"],
        READY["teacher"],
