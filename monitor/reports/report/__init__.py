"""A report: one HTML file with everything in it, for people who were not there.

    store --> `content.gather` --> `page.page` --> text

It asks nothing of any server: charts are inline SVG, colours follow the reader's light or dark setting.
The same database gives the same file.
"""
