"""Turn data sets into items: premise-hypothesis pairs with their labels.

Reads:     the configuration's datasets
Writes:    results/items/{dataset}/items.parquet, and for the urn world its media files and lessons
"""


rule build_urn:
    output:
        item_tables="results/items/urn/items.parquet",
        lessons="results/items/urn/lessons.parquet",
        media=directory("results/items/urn/media"),
    log:
        "results/logs/build_urn.log",
    benchmark:
        "results/benchmarks/build_urn.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 2
    params:
        settings=lambda _: CONFIG.datasets.urn.as_json(),
        code=code("datasets.urn"),
    shell:
        """
        python -m umui.cli build-urn --settings {params.settings:q} --media-directory {output.media} \
            --items {output.item_tables} --lessons {output.lessons} --workers {threads} \
            2> >(tee {log} | sed -u "s/^/build_urn: /" >&2)
        """
