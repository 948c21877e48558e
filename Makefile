proto:
	.venv/bin/python proto/generate.py
