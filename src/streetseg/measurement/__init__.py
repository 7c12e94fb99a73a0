# Not "measure": that name is the function of `import streetseg`.
