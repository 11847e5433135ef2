"""Make tiny models on the spot, from random weights, on the lessons of the training split.

Reads:     items, lessons, all evidence
Writes:    results/models/{model}/, in the layout of published checkpoints
           results/models.lock.yaml, on demand: the commits of the configuration's hub names
Wildcards: model: an entry of the configuration's models that has `tiny`
"""


rule make_model:
    input:
        item_tables=ITEMS,
        lessons=paths.lessons(CONFIG),
        evidence=EVIDENCE,
        environment=READY["student"],
    output:
        model=directory("results/models/{model}"),
    log:
        "results/logs/make_model/{model}.log",
    benchmark:
        "results/benchmarks/make_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(models.tiny_models(CONFIG)),
    conda:
        "../../envs/student.yaml"
    resources:
        mem_mb=4000,
        gpu=0,
    params:
        job=JOB["student"],
        python=PYTHON["student"],
        settings=settings("models.{model}.tiny"),
        media=settings("media"),
        name="{model}",
        prompt=lambda wildcards: models.prompt_of(CONFIG, wildcards.model),
        code=lambda wildcards: code(
            "make-model",
            templates=dispatch.prompts(models.prompt_of(CONFIG, wildcards.model)),
        ),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} --gpus {resources.gpu} -- \
            {params.python:q} -m umui.cli make-model --settings {params.settings:q} --prompt {params.prompt:q} \
            --media-settings {params.media:q} --items {input.item_tables} --lessons {input.lessons} \
            --evidence {input.evidence} --output {output.model} --workers {threads} \
            2> >(tee {log} | sed -u "s/^/make_model {params.name}: /" >&2)
        """


rule lock_models:
    input:
        environment=READY["student"],
    output:
        lock="results/models.lock.yaml",
    log:
        "results/logs/lock_models.log",
    conda:
        "../../envs/student.yaml"
    params:
        python=PYTHON["student"],
        config=settings(),
        code=code("lock-models"),
    shell:
        "{params.python:q} -m umui.cli lock-models --settings {params.config:q} --lock {output.lock} 2> {log}"
