"""Ask teachers and zero-shot baselines for votes.

Reads:     items, evidence, models
Writes:    results/votes/{judge}/{piece}.parquet, results/timings/{judge}/{piece}.parquet and .json
Keeps:     results/journals/{judge}/{shard}/, where each vote is written as it arrives: a killed job goes on from there,
           and another number of jobs asks for nothing again
Wildcards: judge: a teacher or a baseline; piece: the shards of one job, which starts one server for them
"""

from umui.config.judges import NOT_IDENTITY


rule ask:
    input:
        item_tables=ITEMS,
        evidence=lambda wildcards: paths.evidence_of_job(
            CONFIG, wildcards.judge, int(wildcards.piece)
        ),
        model=lambda wildcards: model_input(CONFIG.judges[wildcards.judge].model),
        environment=READY["teacher"],
    output:
        votes="results/votes/{judge}/{piece}.parquet",
        timings="results/timings/{judge}/{piece}.parquet",
        usage="results/timings/{judge}/{piece}.json",
    log:
        asking="results/logs/ask/{judge}/{piece}.log",
        server="results/logs/ask/{judge}/{piece}.server.log",
    benchmark:
        "results/benchmarks/ask/{judge}/{piece}.tsv"
    wildcard_constraints:
        judge=any_of(CONFIG.judges),
    conda:
        "../../envs/teacher.yaml"
    resources:
        mem_mb=6000,
        gpu=0,
    params:
        job=JOB["teacher"],
        python=PYTHON["teacher"],
        settings=settings("judges.{judge}", exclude=NOT_IDENTITY),
        # Functions of `threads`, too: Snakemake does not record what they give, and another value reruns nothing.
        circumstances=lambda wildcards, threads: CONFIG.judges[
            wildcards.judge
        ].as_json(include=NOT_IDENTITY),
        journals=lambda wildcards, threads: paths.journals_of_job(
            CONFIG, wildcards.judge, int(wildcards.piece)
        ),
        media=settings("media"),
        model=lambda wildcards: models.place(
            CONFIG, CONFIG.judges[wildcards.judge].model
        ),
        judge="{judge}",
        piece="{piece}",
        chosen=lambda wildcards: paths.shards_of_job(
            CONFIG, wildcards.judge, int(wildcards.piece)
        ),
        shards=CONFIG.shards,
        journal="results/journals/{judge}",
        code=lambda wildcards: code(
            "ask", templates=dispatch.prompts(CONFIG.judges[wildcards.judge].prompt)
        ),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} --keeps {params.journals} \
            --gpus {resources.gpu} --resumable -- \
            {params.python:q} -m umui.cli ask --settings {params.settings:q} \
            --circumstances {params.circumstances:q} --judge {params.judge} \
            --model {params.model:q} --media-settings {params.media:q} --items {input.item_tables} \
            --chosen {params.chosen} --shards {params.shards} --evidence {input.evidence} --journal {params.journal} \
            --votes {output.votes} --timings {output.timings} --usage {output.usage} --server-log {log.server} \
            --gpus {resources.gpu} --workers {threads} \
            2> >(tee {log.asking} | sed -u "s/^/ask {params.judge} {params.piece}: /" >&2)
        """
