"""Build the environment of each heavy stage family from its lock file.

Reads:     envs/{environment}.txt
Writes:    .envs/{environment}-{digest}/ready, and the environment around it
Wildcards: digest: of the lock and of the builder, so that a changed lock makes another environment
"""


rule build_environment:
    input:
        lock=ancient("envs/{environment}.txt"),  # its digest, not its date, is what makes another environment
    output:
        ready=touch(".envs/{environment}-{digest,[0-9a-f]{12}}/ready"),
    log:
        "results/logs/build_environment/{environment}-{digest}.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    shell:
        "python -m umui.environments.build {input.lock} > {log} 2>&1"


rule environments:
    input:
        environment_of("student"),
        environment_of("teacher"),
    localrule: True
