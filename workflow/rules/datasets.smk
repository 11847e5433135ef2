"""Turn data sets into items: premise-hypothesis pairs with their labels.

Reads:     the configuration's datasets, and the files that they name
           data/downloads.yaml (the rule download, which nothing but its own name asks for)
Writes:    results/items/{dataset}/items.parquet; for an urn world its media files and lessons, for other data sets
           left_out.parquet, the rows that became no item;
           data/downloads/{download}.json, and beside it the downloaded files and their lock
Wildcards: dataset; download: an entry of data/downloads.yaml
"""


rule build_urn:
    output:
        item_tables="results/items/{dataset}/items.parquet",
        lessons="results/items/{dataset}/lessons.parquet",
        media=directory("results/items/{dataset}/media"),
    log:
        "results/logs/build_urn/{dataset}.log",
    benchmark:
        "results/benchmarks/build_urn/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(paths.urns(CONFIG)),
    conda:
        "../../envs/core.yaml"
    threads: 2
    params:
        job=JOB["core"],
        settings=settings("datasets.{dataset}"),
        dataset="{dataset}",
        code=code("build-urn"),
    shell:
        """
        {params.job} --code {params.code} --outputs {output} -- \
            python -m umui.cli build-urn --settings {params.settings:q} --dataset {params.dataset} \
            --media-directory {output.media} --items {output.item_tables} --lessons {output.lessons} --workers {threads} \
            2> >(tee {log} | sed -u "s/^/build_urn {params.dataset}: /" >&2)
        """


rule import_items:
    input:
        files=lambda wildcards: paths.source_files(CONFIG, wildcards.dataset),
    output:
        item_tables="results/items/{dataset}/items.parquet",
        left_out="results/items/{dataset}/left_out.parquet",
    log:
        "results/logs/import_items/{dataset}.log",
    benchmark:
        "results/benchmarks/import_items/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(paths.imported_datasets(CONFIG)),
    conda:
        "../../envs/core.yaml"
    threads: 2
    params:
        job=JOB["core"],
        settings=settings("datasets.{dataset}"),
        dataset="{dataset}",
        # A replaced medium reruns the rule: media are no inputs, and a date may be older than the one before.
        sources=lambda wildcards: paths.sources_state(CONFIG, wildcards.dataset),
        code=lambda wildcards: code(
            "import-items", dispatch.adapter(CONFIG, wildcards.dataset)
        ),
    shell:
        """
        {params.job} --private --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli import-items --settings {params.settings:q} --dataset {params.dataset} \
            --items {output.item_tables} --left-out {output.left_out} --workers {threads} \
            2> >(tee {log} | sed -u "s/^/import_items {params.dataset}: /" >&2)
        """


rule download:
    input:
        downloads=f"{REPOSITORY}data/downloads.yaml",
    output:
        receipt="data/downloads/{download}.json",
    log:
        "results/logs/download/{download}.log",
    wildcard_constraints:
        download="[a-z0-9-]+",
    localrule: True
    conda:
        "../../envs/core.yaml"
    params:
        name="{download}",
        lock="data/downloads/{download}.lock.yaml",
        code=code("download"),
    shell:
        """
        python -m umui.cli download --downloads {input.downloads:q} --name {params.name} --lock {params.lock} \
            --receipt {output.receipt} 2> >(tee {log} | sed -u "s/^/download {params.name}: /" >&2)
        """
