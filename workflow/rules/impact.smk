"""Say on demand what a new teacher's labels change, and lay it out as a page.

Reads:     items, both teachers' labels, the predictions of these and of students that differ in the teacher alone
Writes:    results/impact/{old}-{new}.moves.csv, .labels.csv, .metrics.csv, .md, .svg, .png
Wildcards: old, new: teachers, asked or imported
"""


wildcard_constraints:
    old=any_of(labels.teachers(CONFIG)),
    new=any_of(labels.teachers(CONFIG)),


rule impact:
    input:
        item_tables=ITEMS,
        labels=lambda wildcards: [
            file
            for of_teacher in impact.labels_of_both(CONFIG, **wildcards)
            for file in paths.files_of(of_teacher)
        ],
        predictions=lambda wildcards: paths.files_of(
            impact.impact_files(CONFIG, **wildcards)
        ),
    output:
        moves="results/impact/{old}-{new}.moves.csv",
        labels="results/impact/{old}-{new}.labels.csv",
        metrics="results/impact/{old}-{new}.metrics.csv",
    log:
        "results/logs/impact/{old}-{new}.log",
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("evaluation"),
        old=lambda wildcards: named_files(
            "--old-labels", impact.labels_of_both(CONFIG, **wildcards)[0]
        ),
        new=lambda wildcards: named_files(
            "--new-labels", impact.labels_of_both(CONFIG, **wildcards)[1]
        ),
        predictions=lambda wildcards: named_files(
            "--predictions", impact.impact_files(CONFIG, **wildcards)
        ),
        pairs=lambda wildcards: repeated(
            "--pair", impact.impact_titles(CONFIG, **wildcards)
        ),
        code=code("impact"),
    shell:
        """
        python -m umui.cli impact --settings {params.settings:q} --items {input.item_tables} {params.old} \
            {params.new} {params.predictions} {params.pairs} --moves {output.moves} --labels {output.labels} \
            --metrics {output.metrics} 2>{log}
        """


rule impact_page:
    input:
        moves="results/impact/{old}-{new}.moves.csv",
        labels="results/impact/{old}-{new}.labels.csv",
        metrics="results/impact/{old}-{new}.metrics.csv",
    output:
        markdown=report(
            "results/impact/{old}-{new}.md",
            caption="../report/impact.rst",
            category="Teachers",
        ),
        svg=report(
            "results/impact/{old}-{new}.svg",
            caption="../report/impact.rst",
            category="Teachers",
        ),
        png="results/impact/{old}-{new}.png",
    log:
        "results/logs/impact_page/{old}-{new}.log",
    conda:
        "../../envs/core.yaml"
    params:
        old=lambda wildcards: labels.teachers(CONFIG)[wildcards.old].title,
        new=lambda wildcards: labels.teachers(CONFIG)[wildcards.new].title,
        code=code("impact-page", templates=("reporting:impact",)),
    shell:
        """
        python -m umui.cli impact-page --old {params.old:q} --new {params.new:q} --moves {input.moves} \
            --labels {input.labels} --metrics {input.metrics} --markdown {output.markdown} --svg {output.svg} \
            --png {output.png} 2>{log}
        """
