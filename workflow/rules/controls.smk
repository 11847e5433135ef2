"""What the items alone say, without any model: how far controls get, and what splits have in common.

Reads:     items
Writes:    results/controls.csv, results/leakage.csv
"""


rule controls:
    input:
        item_tables=ITEMS,
    output:
        csv=report(
            "results/controls.csv",
            caption="../report/controls.rst",
            category="Tables",
        ),
    log:
        "results/logs/controls.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("evaluation"),
        code=code("control-table"),
    shell:
        """
        python -m umui.cli control-table --settings {params.settings:q} --items {input.item_tables} \
            --csv {output.csv} 2>{log}
        """


rule leakage:
    input:
        item_tables=ITEMS,
    output:
        csv=report(
            "results/leakage.csv", caption="../report/leakage.rst", category="Tables"
        ),
    log:
        "results/logs/leakage.log",
    conda:
        "../../envs/core.yaml"
    params:
        splits=CONFIG.evaluation.splits,
        code=code("leakage"),
    shell:
        """
        python -m umui.cli leakage --items {input.item_tables} --splits {params.splits:q} --csv {output.csv} 2>{log}
        """
