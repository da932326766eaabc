# As redis:7: redis-server and redis-cli, and no entry point before a command that is not redis-server.
FROM sqp-stand-in-debian
CMD ["redis-server"]
