# The book, its notebooks and its translation: pip install -e '.[book]' first.

html:  # FULL=1 trains with the lessons' settings, else all is only tried out
	sphinx-build -W --keep-going docs build/html
	sphinx-build -W --keep-going -D language=zh_CN docs build/html/zh_CN

record:  # run lessons with the book's settings: make record LESSONS=gru
	python docs/recording.py $(LESSONS)

notebooks:
	rm -rf build/notebooks
	mkdir -p build/notebooks
	cp chapters/*.py build/notebooks
	jupytext --quiet --to ipynb --set-kernel python3 build/notebooks/*.py
	rm build/notebooks/*.py

templates:  # what is to be translated: of docstrings, the first sentence
	rm -rf build/gettext
	sphinx-build -q -b gettext -D nb_execution_mode=off docs build/gettext
	python docs/comments.py build/gettext/comments.pot

translations: templates  # bring docs/locale up to date; then translate
	sphinx-intl update -p build/gettext -l zh_CN -d docs/locale

figures:  # the drawings of the lessons
	python -m docs.figures

screenshots:  # the pictures of README
	pytest tests/book/test_book.py tests/report/test_browser.py \
		tests/export/test_studio_page.py -k screenshot
	cp build/screenshots/*.png docs/images

clean:
	rm -rf build docs/chapters

.PHONY: html record notebooks templates translations figures screenshots \
	clean
