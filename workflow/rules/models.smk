"""Make tiny models on the spot, from random weights, on the lessons of the training split.

Reads:     items, lessons, all evidence
Writes:    results/models/{model}/, in the layout of published checkpoints
           results/models.lock.yaml, on demand: the commits of the configuration's hub names
Wildcards: model: an entry of the configuration's models that has `tiny`
"""


rule make_model:
    input:
        item_tables=ITEMS,
        lessons=LESSONS,
        evidence=shards_of("results/evidence/{shard}.parquet"),
        environment=environment_of("student"),
    output:
        model=directory("results/models/{model}"),
    log:
        "results/logs/make_model/{model}.log",
    benchmark:
        "results/benchmarks/make_model/{model}.tsv"
    conda:
        "../../envs/student.yaml"
    resources:
        mem_mb=4000,
        gpu=0,
    params:
        job=JOB["student"],
        python=python_of("student"),
        settings=lambda wildcards: CONFIG.models[wildcards.model].tiny.as_json(),
        media=lambda _: CONFIG.media.as_json(),
        name="{model}",
        prompt=lambda wildcards: prompt_of_model(wildcards.model),
        code=lambda wildcards: code(
            "make-model", templates=[f"prompts:{prompt_of_model(wildcards.model)}"]
        ),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} --gpus {resources.gpu} -- \
            {params.python} -m umui.cli make-model --settings {params.settings:q} --prompt {params.prompt} \
            --media-settings {params.media:q} --items {input.item_tables} --lessons {input.lessons} \
            --evidence {input.evidence} --output {output.model} --workers {threads} \
            2> >(tee {log} | sed -u "s/^/make_model {params.name}: /" >&2)
        """


rule lock_models:
    input:
        environment=environment_of("student"),
    output:
        lock="results/models.lock.yaml",
    log:
        "results/logs/lock_models.log",
    conda:
        "../../envs/student.yaml"
    params:
        python=python_of("student"),
        config=lambda _: CONFIG.as_json(),
        code=code("lock-models"),
    shell:
        "{params.python} -m umui.cli lock-models --settings {params.config:q} --lock {output.lock} 2> {log}"
