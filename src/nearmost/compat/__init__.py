"""Other people's interfaces over our index: each module here answers to the names that another library gave."""
