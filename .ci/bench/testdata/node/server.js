const app = require('express')();
const { greeting } = require('./greeting');
app.get('/', (req, res) => res.send(greeting + '\n'));
app.listen(process.env.PORT || 3000);
