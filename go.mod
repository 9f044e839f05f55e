module sotto

go 1.26.0
