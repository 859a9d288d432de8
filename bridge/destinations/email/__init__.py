"""The e-mail destination: MIME messages over SMTP."""
